"""From what an operator writes for an e-mail (HTML with a style block, or MJML) to the HTML that mail programs show."""
